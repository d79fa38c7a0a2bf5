"""Pictures and pages that people look at: SVG and HTML as text, without a script."""
