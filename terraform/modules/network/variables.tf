variable "name" {
  description = "What everything here is called, or begins with."
  type        = string
}

variable "region" {
  description = "Where the network is."
  type        = string
}

variable "account" {
  description = "Twelve digits."
  type        = string
}

variable "cidr" {
  description = "The network's addresses: /16 to /24. Nothing routes to it, so it may overlap with others of yours."
  type        = string
  default     = "10.90.0.0/20"

  validation {
    condition     = can(cidrnetmask(var.cidr)) && can(regex("/(1[6-9]|2[0-4])$", var.cidr))
    error_message = "cidr is an IPv4 network, /16 to /24."
  }
}

variable "zones" {
  description = "At least two availability zones: where one has no capacity, the next is asked."
  type        = list(string)

  validation {
    condition     = length(distinct(var.zones)) == length(var.zones) && length(var.zones) >= 2 && length(var.zones) <= 4
    error_message = "zones are two to four, each another one."
  }
}

variable "interface_endpoints" {
  description = "AWS services that machines reach beside S3. secretsmanager is needed where the decryption key lies there. Each costs about 0.011 USD an hour in each zone (16 USD a month in two), whether used or not."
  type        = set(string)
  default     = ["secretsmanager"]

  validation {
    condition     = alltrue([for service in var.interface_endpoints : can(regex("^[a-z0-9.-]+$", service))])
    error_message = "interface_endpoints are short names of services: secretsmanager, ssm, kms, sts, ec2, monitoring."
  }
}

variable "bucket_arn" {
  description = "The only bucket that can be reached from here."
  type        = string
}

variable "tags" {
  description = "On everything."
  type        = map(string)
  default     = {}
}
