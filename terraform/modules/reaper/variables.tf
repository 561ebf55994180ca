variable "name" {
  description = "What everything here is called, or begins with."
  type        = string
}

variable "zip" {
  description = "The function's code: a file that `restoredrill agent build --for lambda` has made."
  type        = string

  validation {
    condition     = can(filebase64sha256(var.zip))
    error_message = "zip is a file; `restoredrill agent build --for lambda` makes one."
  }
}

variable "regions" {
  description = "Where to look."
  type        = list(string)

  validation {
    condition     = length(var.regions) > 0 && alltrue([for region in var.regions : can(regex("^[a-z]{2,3}(-[a-z]+)+-[0-9]$", region))])
    error_message = "regions are names like eu-central-1; at least one."
  }
}

variable "every_minutes" {
  description = "How often: 5 to 60."
  type        = number
  default     = 15

  validation {
    condition     = contains([5, 10, 15, 20, 30, 60], var.every_minutes)
    error_message = "every_minutes is 5, 10, 15, 20, 30 or 60."
  }
}

variable "role_arn" {
  description = "Who it is: describes, and ends what carries our tag."
  type        = string
}

variable "role_name" {
  description = "The same by name: gets the right to write its log."
  type        = string
}

variable "key_arn" {
  description = "Encrypts the log and the environment."
  type        = string
}

variable "tags" {
  description = "On everything."
  type        = map(string)
  default     = {}
}
