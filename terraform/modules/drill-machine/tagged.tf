locals {
  # A request for a spot instance is tagged in the call: a template that names it fits no other market.
  tagged = ["instance", "volume", "network-interface"]
}
