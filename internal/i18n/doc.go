// Package i18n is the message catalogue of the pages that people read: English,
// French, German and Luxembourgish, with dates and numbers as each writes them.
//
// Start with Negotiate to choose a Language, and with Language.Text for a
// message. The catalogue is one YAML file per language, embedded: a key, and a
// text in which {0}, {1} stand for the arguments. Count chooses between the
// singular and the plural of a message, Date, DateTime and Number write values.
//
// A message is text, never markup: whoever puts it into a page escapes it. The
// package knows no room and no protocol; the words of closed lists (purposes,
// kinds of measure) are keys like any other, and tests of their rooms see to it
// that there is one for each.
//
// Promised, and tested: every key exists in every language, with the same
// arguments, and is used somewhere. Negotiate follows RFC 9110, section 12.5.4,
// with RFC 4647, section 3.4 (lookup).
package i18n
