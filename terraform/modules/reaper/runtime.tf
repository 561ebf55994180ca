locals {
  runtime = "python3.12" # what the zip was made for
}
