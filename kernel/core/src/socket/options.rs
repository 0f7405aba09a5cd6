//! getsockopt(2) and setsockopt(2) at the socket level.

use core::sync::atomic::Ordering;

use hal::user::{self, UserAddr};
use zerocopy::IntoBytes;

use super::address::AF_UNIX;
use super::control::{PeerCredentials, Sender};
use super::file::socket_of;
use super::queue::CAPACITY;
use super::unix::UnixSocket;
use crate::errno::{Errno, Result};
use crate::syscall::Arguments;
use crate::task::{Current, registry};
use crate::time::Timeval;

const SOL_SOCKET: i32 = 1;
const SO_DEBUG: i32 = 1;
const SO_REUSEADDR: i32 = 2;
const SO_TYPE: i32 = 3;
const SO_ERROR: i32 = 4;
const SO_BROADCAST: i32 = 6;
const SO_SNDBUF: i32 = 7;
const SO_RCVBUF: i32 = 8;
const SO_KEEPALIVE: i32 = 9;
const SO_LINGER: i32 = 13;
const SO_PASSCRED: i32 = 16;
const SO_PEERCRED: i32 = 17;
const SO_RCVTIMEO: i32 = 20;
const SO_SNDTIMEO: i32 = 21;
const SO_ACCEPTCONN: i32 = 30;
const SO_PROTOCOL: i32 = 38;
const SO_DOMAIN: i32 = 39;

/// A sender as the caller sees it: the process number in the caller's own list, 0 if it is out of sight.
pub(super) fn credentials_for(current: &Current, sender: Sender) -> PeerCredentials {
    let pid = registry::find(sender.host_pid)
        .and_then(|process| process.number_seen_by(current.process()));
    PeerCredentials {
        pid: pid.unwrap_or(0) as i32,
        uid: sender.uid,
        gid: sender.gid,
    }
}

/// getsockopt(2).
pub fn getsockopt(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let file = current.file(arguments.fd(0))?;
    let socket = socket_of(&file)?;
    let (level, option) = (arguments.int(1), arguments.int(2));
    if level != SOL_SOCKET {
        return Err(Errno::EOPNOTSUPP);
    }
    let give = |bytes: &[u8]| -> Result<usize> {
        let length = UserAddr(arguments.u64(4));
        let room = usize::try_from(user::read_value::<i32>(length)?).map_err(|_| Errno::EINVAL)?;
        let part = bytes.get(..room.min(bytes.len())).unwrap_or(bytes);
        user::copy_to_user(UserAddr(arguments.u64(3)), part)?;
        user::write_value(length, &(part.len() as u32))?;
        Ok(0)
    };
    let number = match option {
        SO_TYPE => socket.kind().number(),
        SO_ERROR => socket.error.swap(0, Ordering::Relaxed),
        SO_SNDBUF | SO_RCVBUF => CAPACITY as i32,
        SO_PASSCRED => i32::from(socket.passes_credentials.load(Ordering::Relaxed)),
        SO_ACCEPTCONN => i32::from(socket.listener().is_some()),
        SO_DOMAIN => i32::from(AF_UNIX),
        SO_DEBUG | SO_REUSEADDR | SO_BROADCAST | SO_KEEPALIVE | SO_PROTOCOL => 0,
        SO_LINGER => return give([0i32, 0].as_bytes()),
        SO_PEERCRED => return give(peer_credentials(current, socket).as_bytes()),
        SO_RCVTIMEO => {
            return give(timeout(socket.receive_timeout.load(Ordering::Relaxed)).as_bytes());
        }
        SO_SNDTIMEO => {
            return give(timeout(socket.send_timeout.load(Ordering::Relaxed)).as_bytes());
        }
        _ => return Err(Errno::ENOPROTOOPT),
    };
    give(number.as_bytes())
}

fn timeout(nanoseconds: u64) -> Timeval {
    Timeval::from_nanoseconds(nanoseconds)
}

/// Who is at the other side; without one, nobody (as unix(7) has it).
fn peer_credentials(current: &Current, socket: &UnixSocket) -> PeerCredentials {
    match socket.peer() {
        Some(peer) => credentials_for(current, peer.owner()),
        None => PeerCredentials {
            pid: 0,
            uid: u32::MAX,
            gid: u32::MAX,
        },
    }
}

/// setsockopt(2).
pub fn setsockopt(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let file = current.file(arguments.fd(0))?;
    let socket = socket_of(&file)?;
    let (level, option, length) = (arguments.int(1), arguments.int(2), arguments.int(4));
    let address = UserAddr(arguments.u64(3));
    if level != SOL_SOCKET {
        return Err(Errno::EOPNOTSUPP);
    }
    if (length as usize) < size_of::<i32>() || length < 0 {
        return Err(Errno::EINVAL);
    }
    match option {
        SO_PASSCRED => {
            let on = user::read_value::<i32>(address)? != 0;
            socket.passes_credentials.store(on, Ordering::Relaxed);
        }
        SO_RCVTIMEO | SO_SNDTIMEO => {
            if (length as usize) < size_of::<Timeval>() {
                return Err(Errno::EINVAL);
            }
            let time = user::read_value::<Timeval>(address)?
                .to_nanoseconds()
                .map_err(|_| Errno::EDOM)?;
            let timeout = if option == SO_RCVTIMEO {
                &socket.receive_timeout
            } else {
                &socket.send_timeout
            };
            timeout.store(time, Ordering::Relaxed);
        }
        // Advice about buffers, addresses and connections that unix sockets take no notice of on Linux either.
        SO_REUSEADDR | SO_BROADCAST | SO_SNDBUF | SO_RCVBUF | SO_KEEPALIVE | SO_LINGER => {
            user::read_value::<i32>(address)?;
        }
        SO_TYPE | SO_ERROR | SO_DOMAIN | SO_PROTOCOL | SO_ACCEPTCONN | SO_PEERCRED => {
            return Err(Errno::ENOPROTOOPT);
        }
        _ => return Err(Errno::ENOPROTOOPT),
    }
    Ok(0)
}
