"""The paper, and nothing else: pure functions on arrays, to be read with the paper beside them.

=====================  ===========================================  ======================
equation               what                                         where
=====================  ===========================================  ======================
Eq 2                   mean action                                  :mod:`.merging`
Eq 3, 10               Boltzmann policy                             :mod:`.policy`
Eq 7                   causal effect of a neighbour                 :mod:`.intervention`
Eq 10, 11              causal weights, merged action                :mod:`.merging`
Eq 12, 13              TD target and error                          :mod:`.td`
``N(i)``               who is whose neighbour                       :mod:`.neighbourhood`
=====================  ===========================================  ======================
"""
