locals {
  public_address = null # the emulated account tells an empty association, which 3.39 takes for an address
}
