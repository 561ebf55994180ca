locals {
  runtime = "python3.8" # the newest that 3.39 knows; the function is never called here
}
