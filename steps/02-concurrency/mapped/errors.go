package mapped

import "errors"

// Errors that say what is wrong with a file, and what to do. The command that met
// one of them has not happened, unless the error wraps kv.ErrUnknown too: then
// it was appended, and could not be read back.
var (
	ErrFull     = errors.New("the file is full; nothing frees space in it, so start a new file with a larger size")
	ErrForeign  = errors.New("this is not a file of step 02; choose another name")
	ErrFormat   = errors.New("the file was made by another version of this program; use that one, or choose another name")
	ErrCutShort = errors.New("the file has been cut short; restore it from a copy, or remove it and start again")
	ErrDamaged  = errors.New("the file is damaged; restore it from a copy, or remove it and start again")
	ErrReadOnly = errors.New("the file or its directory cannot be written, which readers need too; change the permissions or choose another name")
	ErrNoRoom   = errors.New("there is no room on the disk for a file of this size; choose a smaller size or another disk")
	ErrSize     = errors.New("the size of the file is out of range")
	ErrBusy     = errors.New("the writer's lock did not come free, and its holder may be stopped; nothing has happened")
	ErrClosed   = errors.New("the store is closed")
)
