variable "name" {
  description = "What everything here is called, or begins with."
  type        = string
}

variable "security_groups" {
  description = "Without inbound rules."
  type        = list(string)

  validation {
    condition     = length(var.security_groups) > 0
    error_message = "security_groups needs at least one: without, a machine would get the network's default."
  }
}

variable "key_arn" {
  description = "Encrypts the volume; null: the account's own key."
  type        = string
  default     = null
}

variable "image" {
  description = "ami-… that restoredrill shall not choose itself; null: it does."
  type        = string
  default     = null

  validation {
    condition     = var.image == null || can(regex("^ami-[0-9a-f]+$", var.image))
    error_message = "image is ami-… or null."
  }
}

variable "root_device" {
  description = "What the image calls its first disk: /dev/xvda (Debian, Amazon Linux), /dev/sda1 (Ubuntu)."
  type        = string
  default     = "/dev/xvda"

  validation {
    condition     = can(regex("^/dev/[a-z0-9]+$", var.root_device))
    error_message = "root_device is a path like /dev/xvda."
  }
}

variable "owner" {
  description = "Who answers for the machines: their tag."
  type        = string
}

variable "tags" {
  description = "On everything, machines included."
  type        = map(string)
  default     = {}
}
