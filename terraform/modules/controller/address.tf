locals {
  public_address = false # also where the subnet would give one
}
