//! Timeouts, and the times of the C interface.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a call may wait: not at all, for ever, or for a duration.
///
/// ```
/// use dolium::Timeout;
/// use std::time::Duration;
///
/// assert_eq!(Timeout::from(Duration::ZERO), Timeout::NO_WAIT);
/// assert_ne!(Timeout::from(Duration::MAX), Timeout::FOREVER);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout(i64);

impl Timeout {
    /// Does not wait.
    pub const NO_WAIT: Self = Self(0);
    /// Waits for ever.
    pub const FOREVER: Self = Self(-1);

    pub(crate) const fn ns(self) -> i64 {
        self.0
    }
}

/// Waits for this long, at most about 292 years.
impl From<Duration> for Timeout {
    fn from(duration: Duration) -> Self {
        Self(nanoseconds(duration))
    }
}

pub(crate) fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// A negative duration is none.
pub(crate) fn duration(ns: i64) -> Duration {
    Duration::from_nanos(u64::try_from(ns).unwrap_or(0))
}

/// A point in time; 0 is unknown, or not yet.
pub(crate) fn point(ns: i64) -> Option<SystemTime> {
    (ns > 0).then(|| UNIX_EPOCH + duration(ns))
}
