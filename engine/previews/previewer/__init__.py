"""Previews in processes of their own: the web process runs nobody's SQL.

``client``    the web process's side: starts the previewer, hands requests over, gives up
``__main__``  the previewer: has all imported, and forks a child for each preview
``child``     one preview: its limits, its request, its answer
"""
