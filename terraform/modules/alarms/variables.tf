variable "name" {
  description = "What everything here is called, or begins with."
  type        = string
}

variable "account" {
  description = "Twelve digits."
  type        = string
}

variable "region" {
  description = "Where the vault is."
  type        = string
}

variable "partition" {
  description = "aws, aws-cn, aws-us-gov."
  type        = string
}

variable "bucket" {
  description = "The vault's bucket; it tells EventBridge what is written."
  type        = string
}

variable "key_arn" {
  description = "Encrypts the topic and the log of proofs."
  type        = string
}

variable "proof_days" {
  description = "Databases by name, and after how many days of each without a passed drill somebody is told (1 to 7; 0: never)."
  type        = map(number)

  validation {
    # CloudWatch looks back a week at most.
    condition     = alltrue([for days in values(var.proof_days) : days >= 0 && days <= 7 && floor(days) == days])
    error_message = "Each is a whole number of days, 1 to 7, or 0 for no alarm."
  }
}

variable "emails" {
  description = "Who is told. Each has to confirm once."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for email in var.emails : can(regex("^[^@ ]+@[^@ ]+$", email))])
    error_message = "emails are addresses."
  }
}

variable "reaper" {
  description = "Name of the Lambda function that reaps, and how often it runs; null: there is none."
  type = object({
    function      = string
    log_group     = string
    every_minutes = number
  })
  default = null
}

variable "tags" {
  description = "On everything."
  type        = map(string)
  default     = {}
}
