// Command empty does nothing: the least that any Go program costs.
package main

func main() {}
