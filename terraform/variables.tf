variable "databases" {
  description = "What is drilled: one entry a database, by the name of its file in schedules/. Its backups lie in a folder of that name in the bucket."
  type = map(object({
    backup_on_ec2 = optional(bool, false) # backups are taken by a throwaway machine beside the source
    huge_files    = optional(bool, false) # a single table is larger than 173 GiB compressed
    proof_days    = optional(number, 2)   # an alarm after so many days without a passed drill: 1 to 7; 0: none
  }))

  validation {
    condition     = length(var.databases) > 0 && alltrue([for name in keys(var.databases) : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$", name))])
    error_message = "databases needs at least one; a name has letters and digits, with . _ - inside, 32 at most."
  }

  validation {
    condition     = alltrue([for database in values(var.databases) : database.proof_days >= 0 && database.proof_days <= 7 && floor(database.proof_days) == database.proof_days])
    error_message = "proof_days is a whole number of days, 1 to 7 (CloudWatch looks back a week at most), or 0 for no alarm."
  }
}

variable "owner" {
  description = "Who answers for the machines: a tag on each of them."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9 _.:/=+@-]{1,128}$", var.owner))
    error_message = "owner is a tag's value: 1 to 128 letters, digits, spaces or _.:/=+@-"
  }
}

variable "name" {
  description = "What everything here is called, or begins with."
  type        = string
  default     = "restoredrill"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name has 3 to 20 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "regions" {
  description = "More regions in which machines are looked for; the provider's own is always among them."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for region in var.regions : can(regex("^[a-z]{2,3}(-[a-z]+)+-[0-9]$", region))])
    error_message = "regions are names like eu-central-1."
  }
}

variable "tags" {
  description = "On everything that can have some."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.tags) : !startswith(key, "restoredrill:") && !startswith(key, "aws:")])
    error_message = "restoredrill: and aws: are taken: what carries restoredrill:errand is ended by the reaper."
  }
}

# The vault --------------------------------------------------------------------------------------------------

variable "bucket_name" {
  description = "The vault's bucket; null: <name>-<account>-<region>."
  type        = string
  default     = null
}

variable "lock_days" {
  description = "So long nothing that was written can be destroyed; 0: no lock by default. Shorter than what `keep` keeps."
  type        = number
  default     = 7
}

variable "lock_mode" {
  description = "GOVERNANCE, or COMPLIANCE: then nobody can undo it, and destroy leaves the bucket."
  type        = string
  default     = "GOVERNANCE"
}

variable "undo_days" {
  description = "So long what was deleted or overwritten can be brought back."
  type        = number
  default     = 30
}

variable "access_log_bucket" {
  description = "A bucket that gets S3's access log; null: none is kept."
  type        = string
  default     = null
}

variable "force_destroy" {
  description = "Let destroy empty the bucket."
  type        = bool
  default     = false
}

variable "secret_recovery_days" {
  description = "So long a deleted secret can be brought back: 7 to 30, or 0."
  type        = number
  default     = 7
}

# Machines ---------------------------------------------------------------------------------------------------

variable "cidr" {
  description = "Addresses of the isolated network."
  type        = string
  default     = "10.90.0.0/20"
}

variable "zones" {
  description = "Availability zones of the isolated network; empty: the first two of the region."
  type        = list(string)
  default     = []
}

variable "interface_endpoints" {
  description = "Services that machines reach beside S3. Each costs about 16 USD a month in two zones."
  type        = set(string)
  default     = ["secretsmanager"]
}

variable "image" {
  description = "What machines start from: ami-…, or ssm:/… of a public parameter; null: restoredrill's own choice."
  type        = string
  default     = null

  validation {
    condition     = var.image == null || can(regex("^(ami-[0-9a-f]+|ssm:/[A-Za-z0-9/_.-]+)$", var.image))
    error_message = "image is ami-… or ssm:/aws/service/…"
  }
}

variable "image_owners" {
  description = "Whose images may be started, beside this account's own. Debian is 136693071363, Ubuntu 099720109477."
  type        = list(string)
  default     = ["amazon", "136693071363", "099720109477"]
}

variable "root_device" {
  description = "What the image calls its first disk: /dev/xvda (Debian, Amazon Linux), /dev/sda1 (Ubuntu)."
  type        = string
  default     = "/dev/xvda"
}

variable "instance_types" {
  description = "Which types may be started, with * and ?."
  type        = list(string)
  default     = ["*"]
}

variable "allow_public_address" {
  description = "May a machine have a public address? Nothing here needs one."
  type        = bool
  default     = false
}

variable "backup_network" {
  description = "Where machines that take backups stand: the only ones with a route to the sources. Needed where a database has backup_on_ec2. The subnets need a way to S3 and to Secrets Manager."
  type = object({
    subnets         = list(string)
    security_groups = list(string)
  })
  default = null

  validation {
    condition     = var.backup_network == null || try(length(var.backup_network.subnets) > 0 && length(var.backup_network.security_groups) > 0, false)
    error_message = "backup_network needs at least one subnet and one security group."
  }
}

variable "permissions_boundary" {
  description = "ARN of a policy that bounds every role made here; null: none."
  type        = string
  default     = null
}

variable "backup_principals" {
  description = "ARNs of users or roles that may act as a backup writer."
  type        = list(string)
  default     = []
}

variable "controller_principals" {
  description = "ARNs of users or roles that may act as the controller."
  type        = list(string)
  default     = []
}

variable "pruner" {
  description = "Make a role that may delete backups, for the controller to take on."
  type        = bool
  default     = true
}

# Watching ---------------------------------------------------------------------------------------------------

variable "emails" {
  description = "Who is told of alarms. Each has to confirm once."
  type        = set(string)
  default     = []
}

variable "reaper_zip" {
  description = "What `restoredrill agent build --for lambda` has made; null: no reaper in the account."
  type        = string
  default     = null
}

variable "reap_every_minutes" {
  description = "How often the reaper looks: 5, 10, 15, 20, 30 or 60."
  type        = number
  default     = 15
}

# The controller ---------------------------------------------------------------------------------------------

variable "controller" {
  description = "A small instance that runs `restoredrill serve`; null: it runs somewhere else. See modules/controller."
  type = object({
    vpc_id                = string
    subnet_id             = string
    image                 = string
    schedules             = map(string)
    instance_type         = optional(string, "t3.small")
    install               = optional(list(string))
    egress_cidrs          = optional(list(string), ["0.0.0.0/0"])
    extra_security_groups = optional(list(string), [])
  })
  default = null
}
