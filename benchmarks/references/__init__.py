"""What Insitu is measured against. Each module is a program; none imports anything of Insitu but example messages."""
