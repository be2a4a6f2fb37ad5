"""What those on call do with a pipeline from outside: look, check, steer. It needs no running service."""
