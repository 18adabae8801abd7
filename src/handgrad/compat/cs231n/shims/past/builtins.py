"""`past.builtins`: what Python 2 called range and text."""

xrange = range
basestring = unicode = str
