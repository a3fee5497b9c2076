package pages

import "time"

const (
	// maxFields bounds a form of a citizen: a handful of fields.
	maxFields = 16
	// languageLifetime is how long a browser remembers a chosen language.
	languageLifetime = 180 * 24 * time.Hour
)
