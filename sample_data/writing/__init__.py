"""The texts that ftui's sample data are made of: all written for this project, combined by seeded generators."""
