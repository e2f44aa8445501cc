"""K+ -> pi+ X on the sample of K+ -> pi+ nu nubar: acceptance against lifetime, background of a window, limits."""
