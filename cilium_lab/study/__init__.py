"""The study's commands in their order, with what each has to show, and what runs them on a lab (`./lab study`)."""
