"""Seeds of demand by their use: hours that judge a policy were never searched, demonstrated or trained on."""

FIRST_VALIDATION_SEED = 501  # from here on: hours on which policies are compared while they learn
FIRST_EVALUATION_SEED = 1001  # from here on: hours that judge what has been learned
SEEDS_PER_RUN = 10_000  # a run with seed k learns on the hours from k times this on
