//! Arm's generic interrupt controllers.

mod version2;
mod version3;

use crate::device_tree::Controller;
use hal::interrupt::InterruptController;
use spin::Once;

/// Takes the controller the device tree describes; `None` if its registers can't be mapped or are not what they
/// should be.
pub fn start(controller: &Controller) -> Option<&'static dyn InterruptController> {
    static VERSION_2: Once<version2::Gic> = Once::new();
    static VERSION_3: Once<version3::Gic> = Once::new();
    match controller {
        Controller::Version2(distributor, interface) => {
            let gic = version2::Gic::new(distributor.clone(), interface.clone())?;
            Some(VERSION_2.call_once(|| gic))
        }
        Controller::Version3(distributor, redistributors) => {
            let gic = version3::Gic::new(distributor.clone(), redistributors.clone())?;
            Some(VERSION_3.call_once(|| gic))
        }
    }
}
