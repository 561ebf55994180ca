variable "name" {
  description = "What everything here is called, or begins with."
  type        = string
}

variable "bucket_name" {
  description = "The bucket's name: unique in the world."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "A bucket's name has 3 to 63 lower-case letters, digits and hyphens (a dot breaks TLS)."
  }
}

variable "region" {
  description = "Where the bucket and its key are."
  type        = string
}

variable "account" {
  description = "Twelve digits."
  type        = string
}

variable "partition" {
  description = "aws, aws-cn, aws-us-gov."
  type        = string
}

variable "scratch_prefixes" {
  description = "Where probes write: cleared by the bucket itself after a few days."
  type        = list(string)
  default     = []
}

variable "lock_days" {
  description = "For so many days nothing that was written can be destroyed, by anyone in this account without s3:BypassGovernanceRetention; 0: no default. Shorter than the shortest time for which `keep` keeps a backup, or prune has to wait."
  type        = number
  default     = 7

  validation {
    condition     = var.lock_days >= 0 && var.lock_days <= 3650 && floor(var.lock_days) == var.lock_days
    error_message = "lock_days is a whole number of days, 0 to 3650."
  }
}

variable "lock_mode" {
  description = "GOVERNANCE: who may bypass it, can. COMPLIANCE: nobody can, not even the account's root; the bucket outlives every destroy."
  type        = string
  default     = "GOVERNANCE"

  validation {
    condition     = contains(["GOVERNANCE", "COMPLIANCE"], var.lock_mode)
    error_message = "lock_mode is GOVERNANCE or COMPLIANCE."
  }
}

variable "undo_days" {
  description = "So long a deleted or overwritten object can be brought back (noncurrent versions). Which backups are kept is said by `keep` in schedules/, never by the bucket."
  type        = number
  default     = 30

  validation {
    condition     = var.undo_days >= 1 && floor(var.undo_days) == var.undo_days
    error_message = "undo_days is a whole number of days, at least 1."
  }
}

variable "unfinished_days" {
  description = "Uploads that are not complete after so many days are dropped. Longer than the longest backup takes."
  type        = number
  default     = 7

  validation {
    condition     = var.unfinished_days >= 1 && floor(var.unfinished_days) == var.unfinished_days
    error_message = "unfinished_days is a whole number of days, at least 1."
  }
}

variable "access_log_bucket" {
  description = "A bucket that gets S3's access log; null: none is kept."
  type        = string
  default     = null
}

variable "force_destroy" {
  description = "Let destroy empty the bucket. Backups are gone then; not where lock_mode is COMPLIANCE."
  type        = bool
  default     = false
}

variable "tags" {
  description = "On everything."
  type        = map(string)
  default     = {}
}
