"""Other servers of models, set up as their documents say, with the same model. These modules run in `.venv-peers`,
where there is no Insitu, and import nothing of it."""
