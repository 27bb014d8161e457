"""Stand-in for the Pulumi plugin 'aws': the few types that this project makes, on AWS's client.

Of each type it takes the properties that the program sets and no other. What it takes means what it
means to the official provider.
"""
