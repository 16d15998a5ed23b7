"""When which difference is judged how: a module for each group. Pure."""
