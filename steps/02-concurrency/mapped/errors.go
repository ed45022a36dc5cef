package mapped

import "errors"

// Errors that say what is wrong with a file, and what to do. After each of them
// the command that met it has not happened.
var (
	ErrFull     = errors.New("the file is full; nothing frees space in it, so start a new file with a larger size")
	ErrForeign  = errors.New("this is not a file of step 02; choose another name")
	ErrFormat   = errors.New("the file was made by another version of this program; use that one, or choose another name")
	ErrCutShort = errors.New("the file has been cut short; restore it from a copy, or remove it and start again")
	ErrDamaged  = errors.New("the file is damaged; restore it from a copy, or remove it and start again")
	ErrReadOnly = errors.New("the file or its directory cannot be written, which readers need too; change the permissions or choose another name")
	ErrNoRoom   = errors.New("there is no room on the disk for a file of this size; choose a smaller size or another disk")
	ErrSize     = errors.New("the size of the file is out of range")
	ErrBusy     = errors.New("another process holds the writer's lock and may be stopped; nothing has happened")
	ErrClosed   = errors.New("the store is closed")
)
