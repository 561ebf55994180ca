# Everything that restoredrill needs in an account. The modules stand alone: take those you lack.

locals {
  bucket_name    = coalesce(var.bucket_name, "${var.name}-${local.account}-${local.region}")
  backup_network = var.backup_network == null ? { subnets = [], security_groups = [] } : var.backup_network
  backups_on_ec2 = anytrue([for database in values(var.databases) : database.backup_on_ec2])
}

module "vault" {
  source = "./modules/vault"

  name              = var.name
  bucket_name       = local.bucket_name
  region            = local.region
  account           = local.account
  partition         = local.partition
  scratch_prefixes  = [for name in keys(var.databases) : "${name}/scratch/"]
  lock_days         = var.lock_days
  lock_mode         = var.lock_mode
  undo_days         = var.undo_days
  access_log_bucket = var.access_log_bucket
  force_destroy     = var.force_destroy
  tags              = var.tags
}

module "network" {
  source = "./modules/network"

  name                = var.name
  region              = local.region
  account             = local.account
  cidr                = var.cidr
  zones               = local.zones
  interface_endpoints = var.interface_endpoints
  bucket_arn          = module.vault.bucket_arn
  tags                = var.tags
}

module "drill_machine" {
  source = "./modules/drill-machine"

  name            = var.name
  security_groups = module.network.security_groups
  key_arn         = module.vault.key_arn
  image           = try(startswith(var.image, "ami-"), false) ? var.image : null
  root_device     = var.root_device
  owner           = var.owner
  tags            = var.tags
}

module "roles" {
  source = "./modules/roles"

  name      = var.name
  partition = local.partition
  region    = local.region
  account   = local.account

  databases = { for name, database in var.databases : name => {
    backup_on_ec2 = database.backup_on_ec2
    huge_files    = database.huge_files
  } }

  bucket_arn            = module.vault.bucket_arn
  key_arn               = module.vault.key_arn
  subnets               = concat(module.network.subnets, local.backup_network.subnets)
  security_groups       = concat(module.network.security_groups, local.backup_network.security_groups)
  launch_template_arn   = module.drill_machine.launch_template_arn
  image_owners          = distinct(concat(var.image_owners, [local.account]))
  instance_types        = var.instance_types
  allow_public_address  = var.allow_public_address
  backup_principals     = var.backup_principals
  controller_principals = var.controller_principals
  pruner                = var.pruner
  secret_recovery_days  = var.secret_recovery_days
  permissions_boundary  = var.permissions_boundary
  tags                  = var.tags
}

module "reaper" {
  source = "./modules/reaper"
  count  = var.reaper_zip == null ? 0 : 1

  name          = var.name
  zip           = var.reaper_zip
  regions       = distinct(concat([local.region], var.regions))
  every_minutes = var.reap_every_minutes
  role_arn      = module.roles.reaper_role
  role_name     = module.roles.reaper_role_name
  key_arn       = module.vault.key_arn
  tags          = var.tags
}

module "alarms" {
  source = "./modules/alarms"

  name       = var.name
  account    = local.account
  region     = local.region
  partition  = local.partition
  bucket     = module.vault.bucket
  key_arn    = module.vault.key_arn
  proof_days = { for name, database in var.databases : name => database.proof_days }
  emails     = var.emails
  reaper     = one(module.reaper[*].function)
  tags       = var.tags
}

module "controller" {
  source = "./modules/controller"
  count  = var.controller == null ? 0 : 1

  name                  = var.name
  vpc_id                = var.controller.vpc_id
  subnet_id             = var.controller.subnet_id
  image                 = var.controller.image
  instance_type         = var.controller.instance_type
  instance_profile      = module.roles.controller_profile
  key_arn               = module.vault.key_arn
  schedules             = var.controller.schedules
  install               = var.controller.install
  egress_cidrs          = var.controller.egress_cidrs
  extra_security_groups = var.controller.extra_security_groups
  tags                  = var.tags
}
