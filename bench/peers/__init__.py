"""Others doing the same job, each as its own documentation would have it. They share no code with the worker."""
