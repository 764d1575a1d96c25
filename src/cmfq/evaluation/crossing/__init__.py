"""One role of every algorithm against the other role of every other one."""
