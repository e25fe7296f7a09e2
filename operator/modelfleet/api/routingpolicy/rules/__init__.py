"""What the schema of a RoutingPolicy cannot say, by the clause that it is about."""

from modelfleet.api.routingpolicy.rules.choices import CHOICES
from modelfleet.api.routingpolicy.rules.classify import CLASSIFY
from modelfleet.api.routingpolicy.rules.ladder import LADDER
from modelfleet.api.routingpolicy.rules.sharing import SHARING
from modelfleet.api.routingpolicy.rules.tiers import TIERS
from modelfleet.api.routingpolicy.rules.tries import TRIES

RULES = (*TIERS, *CHOICES, *CLASSIFY, *LADDER, *TRIES, *SHARING)
