locals {
  tagged = ["instance", "volume"] # 3.39 refuses network-interface
}
