# Two databases: one whose backups its own host takes, one that a throwaway machine backs up beside its source.

terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0, < 7.0"
    }
  }
}

provider "aws" {
  region = "eu-central-1"

  default_tags {
    tags = { "cost-centre" = "platform" }
  }
}

variable "backup_network" {
  description = "Subnets and security groups from which the source of crm can be reached."
  type = object({
    subnets         = list(string)
    security_groups = list(string)
  })
}

variable "reaper_zip" {
  description = "What `restoredrill agent build --for lambda` has made."
  type        = string
}

module "restoredrill" {
  source = "../.."

  owner = "dba@acme.example"

  databases = {
    shop = {}
    crm  = { backup_on_ec2 = true, proof_days = 7 } # drilled once a week
  }

  backup_network    = var.backup_network
  backup_principals = ["arn:aws:iam::123456789012:role/shop-database-host"]
  instance_types    = ["m7i.*", "m7i-flex.*", "r7i.*", "i4i.*"]
  regions           = ["eu-west-1"]
  emails            = ["oncall@acme.example"]
  reaper_zip        = var.reaper_zip
}

output "restoredrill" {
  description = "For `restoredrill init --from-terraform`."
  value       = module.restoredrill.restoredrill
}
