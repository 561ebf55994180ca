variable "name" {
  description = "What everything here is called, or begins with."
  type        = string
}

variable "vpc_id" {
  description = "Where it stands."
  type        = string
}

variable "subnet_id" {
  description = "A private subnet. From there it has to reach EC2, S3, KMS, STS, SSM, Secrets Manager, pricing and quotas: by NAT, or by interface endpoints."
  type        = string
}

variable "image" {
  description = "ami-… with cloud-init and Python 3.11 or newer; ideally with restoredrill in it."
  type        = string

  validation {
    condition     = can(regex("^ami-[0-9a-f]+$", var.image))
    error_message = "image is ami-…"
  }
}

variable "instance_type" {
  description = "It only decides and waits: the smallest will do."
  type        = string
  default     = "t3.small"

  validation {
    condition     = can(regex("^[a-z0-9-]+\\.[a-z0-9-]+$", var.instance_type))
    error_message = "instance_type is a name like t3.small."
  }
}

variable "instance_profile" {
  description = "The controller's."
  type        = string
}

variable "key_arn" {
  description = "Encrypts its volume."
  type        = string
}

variable "schedules" {
  description = "The files of schedules/ by name: { \"shop.yaml\" = file(\"schedules/shop.yaml\") }. No secrets in them: they refer to secret stores."
  type        = map(string)

  validation {
    condition     = length(var.schedules) > 0 && alltrue([for name in keys(var.schedules) : can(regex("^[A-Za-z0-9_.-]+\\.ya?ml$", name))])
    error_message = "schedules are files called NAME.yaml; at least one."
  }
}

variable "install" {
  description = "Shell commands that put `restoredrill` into /usr/local/bin where the image lacks it; null: by pip."
  type        = list(string)
  nullable    = false
  default = [
    "python3 -m venv /opt/restoredrill",
    "/opt/restoredrill/bin/pip install 'restoredrill[serve]'",
    "ln -sf /opt/restoredrill/bin/restoredrill /usr/local/bin/restoredrill",
  ]
}

variable "egress_cidrs" {
  description = "Where it may speak to, by HTTPS."
  type        = list(string)
  default     = ["0.0.0.0/0"]

  validation {
    condition     = alltrue([for cidr in var.egress_cidrs : can(cidrnetmask(cidr))])
    error_message = "egress_cidrs are IPv4 networks."
  }
}

variable "extra_security_groups" {
  description = "More of them: the one of the endpoints it shall reach, or of a database it backs up itself."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "On everything."
  type        = map(string)
  default     = {}
}
