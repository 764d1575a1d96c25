"""What games say: tables, figures and pages."""
