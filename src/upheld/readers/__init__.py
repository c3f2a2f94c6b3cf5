"""What comes in from files and bodies, turned into the plain data of the core, or refused with every fault named."""
