variable "name" {
  description = "What everything here is called, or begins with."
  type        = string
}

variable "partition" {
  description = "aws, aws-cn, aws-us-gov."
  type        = string
}

variable "region" {
  description = "Where machines run and the vault is."
  type        = string
}

variable "account" {
  description = "Twelve digits."
  type        = string
}

variable "bucket_arn" {
  description = "The vault's bucket."
  type        = string
}

variable "key_arn" {
  description = "The vault's key."
  type        = string
}

variable "databases" {
  description = "Databases by name; each lies in a folder of that name in the bucket. Whether machines take its backups, and whether a single table of it is larger than 173 GiB compressed (huge_files)."
  type = map(object({
    backup_on_ec2 = bool
    huge_files    = bool
  }))

  validation {
    # The longest role is called <name>-backup-<database>, and IAM takes 64 characters.
    condition     = alltrue([for name in keys(var.databases) : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$", name))])
    error_message = "A database's name has letters and digits, with . _ - inside, 32 at most."
  }
}

variable "subnets" {
  description = "Where machines may run, and no place else."
  type        = list(string)

  validation {
    condition     = length(var.subnets) > 0
    error_message = "subnets needs at least one."
  }
}

variable "security_groups" {
  description = "Which security groups machines may have, and no others."
  type        = list(string)

  validation {
    condition     = length(var.security_groups) > 0
    error_message = "security_groups needs at least one."
  }
}

variable "launch_template_arn" {
  description = "The launch template that may be used."
  type        = string
}

variable "image_owners" {
  description = "Whose images may be started: amazon, or account ids."
  type        = list(string)

  validation {
    condition     = length(var.image_owners) > 0 && alltrue([for owner in var.image_owners : can(regex("^(amazon|aws-marketplace|[0-9]{12})$", owner))])
    error_message = "image_owners are amazon, aws-marketplace or twelve digits; at least one."
  }
}

variable "instance_types" {
  description = "Which types may be started, with * and ?."
  type        = list(string)
  default     = ["*"]

  validation {
    condition     = length(var.instance_types) > 0 && alltrue([for type in var.instance_types : can(regex("^[a-z0-9.*?-]+$", type))])
    error_message = "instance_types are patterns like m7i.*; at least one."
  }
}

variable "allow_public_address" {
  description = "May a machine have a public address? Nothing here needs one."
  type        = bool
  default     = false
}

variable "controller_principals" {
  description = "ARNs of users or roles that may act as the controller, where it is not an EC2 instance."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.controller_principals : can(regex("^arn:[a-z-]+:(iam|sts)::[0-9]{12}:(root|user/|role/|assumed-role/)", arn))])
    error_message = "controller_principals are ARNs of users or roles."
  }
}

variable "backup_principals" {
  description = "ARNs of users or roles that may act as a backup writer: hosts beside a database that are not EC2 instances."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.backup_principals : can(regex("^arn:[a-z-]+:(iam|sts)::[0-9]{12}:(root|user/|role/|assumed-role/)", arn))])
    error_message = "backup_principals are ARNs of users or roles."
  }
}

variable "pruner" {
  description = "Make a role that may delete backups, for the controller to take on (vault.prune_as). Versions stay for undo_days all the same."
  type        = bool
  default     = true
}

variable "secret_recovery_days" {
  description = "So long a deleted secret can be brought back: 7 to 30, or 0 for not at all."
  type        = number
  default     = 7

  validation {
    condition     = var.secret_recovery_days == 0 || (var.secret_recovery_days >= 7 && var.secret_recovery_days <= 30)
    error_message = "secret_recovery_days is 0, or 7 to 30."
  }
}

variable "permissions_boundary" {
  description = "ARN of a policy that bounds every role made here; null: none."
  type        = string
  default     = null
}

variable "tags" {
  description = "On everything."
  type        = map(string)
  default     = {}
}
