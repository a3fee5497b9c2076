package status

import "time"

const (
	// DefaultTick is how often the lists are looked at for changes that are
	// not urgent.
	DefaultTick = 60 * time.Second
	// DefaultTTL is how long a reader may keep a list before it asks again.
	DefaultTTL = 300 * time.Second
	// DefaultExpires is how long a list counts without a network: the life of
	// a copy.
	DefaultExpires = 14 * 24 * time.Hour
	// DefaultMix is the length of the windows in which flips that are not
	// urgent are drawn.
	DefaultMix = time.Hour
	// DefaultLeave is the rest of its life for which a copy is no longer
	// flipped, unless it is urgent.
	DefaultLeave = 24 * time.Hour
	// DefaultCover is how many flips a window shows at least.
	DefaultCover = 64
	// DefaultRotate is how long a list gives out indices: a dozen lives of a
	// copy. The list of a copy tells a little of when it was issued, and so of
	// which others are from the same day: at 90 days a watcher gains 8 guesses
	// in a thousand by that, at 180 nothing that 48,000 guesses show.
	DefaultRotate = 180 * 24 * time.Hour
	// expiredFor is when a copy counts as expired on every reader's clock.
	expiredFor = time.Hour
	// retireAfter is how long a list is served on when its last copy has
	// expired: no reader's clock is that far behind.
	retireAfter = 24 * time.Hour
	// alarmPause is the least time between two alarms of one kind that lasts.
	alarmPause = time.Hour
	// kickPause is the least time between two publications that revocations
	// ask for: a burst of them shares one.
	kickPause = 250 * time.Millisecond
	// sinkPatience is how long a publication waits for the sink; a slow disk
	// under load takes seconds. urgentPatience is how long when something urgent
	// waits behind it, which is to be out within two seconds.
	sinkPatience   = 10 * time.Second
	urgentPatience = time.Second
	// missPause is the least time between two looks into the store for a list
	// that somebody asks for and that is not published: ids are guessed by
	// anyone.
	missPause = time.Second
	// maxID bounds the id of a list as somebody asks for it.
	maxID = 64
)
