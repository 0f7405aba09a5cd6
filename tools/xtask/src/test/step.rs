//! Steps of the test run and their report.
use anyhow::Result;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{io::Write, thread};

type Work = Box<dyn FnOnce() -> Result<()> + Send>;

/// One thing to check.
pub struct Step {
    name: String,
    work: Work,
}

impl Step {
    pub fn new(
        name: impl Into<String>,
        work: impl FnOnce() -> Result<()> + Send + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            work: Box::new(work),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Counts what passed and failed.
#[derive(Default)]
pub struct Report {
    passed: usize,
    failed: usize,
}

impl Report {
    /// Runs steps, some at a time, and says how each went. Whether all passed.
    pub fn run(&mut self, steps: Vec<Step>, at_a_time: usize) -> bool {
        let waiting = Mutex::new(steps.into_iter());
        let results = Mutex::new((0, 0));
        thread::scope(|scope| {
            for _ in 0..at_a_time {
                scope.spawn(|| {
                    loop {
                        let Some(step) = waiting.lock().ok().and_then(|mut steps| steps.next())
                        else {
                            return;
                        };
                        let start = Instant::now();
                        let result = (step.work)();
                        show(&step.name, start.elapsed(), &result);
                        if let Ok(mut results) = results.lock() {
                            match result {
                                Ok(()) => results.0 += 1,
                                Err(_) => results.1 += 1,
                            }
                        }
                    }
                });
            }
        });
        let (passed, failed) = results
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        self.passed += passed;
        self.failed += failed;
        failed == 0
    }

    /// Counts steps that could not be tried as failed.
    pub fn skip(&mut self, count: usize, why: &str) {
        println!("FAILED  {count} steps were not tried: {why}");
        self.failed += count;
    }

    /// Prints the last line and gives the exit status.
    pub fn finish(self) -> ExitCode {
        println!("{} passed, {} failed", self.passed, self.failed);
        if self.failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

fn show(name: &str, time: Duration, result: &Result<()>) {
    let seconds = time.as_secs_f64();
    let mut text = match result {
        Ok(()) => format!("ok      {name} ({seconds:.1} s)\n"),
        Err(_) => format!("FAILED  {name} ({seconds:.1} s)\n"),
    };
    if let Err(error) = result {
        for line in format!("{error:#}").lines() {
            text.push_str(&format!("        {line}\n"));
        }
    }
    let mut output = std::io::stdout().lock();
    // A reader that went away does not change the result.
    let _ = output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush());
}
