package bolt

// Check is written in the next slice.
func (s *Store) Check() []error { return nil }
