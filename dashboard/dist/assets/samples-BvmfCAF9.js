var e=`ghostlight: 1
name: my-workflow
description: ''
nodes:
  first: { type: agent_call, agent: noop, input: { hello: world } }
`,t=[{name:`first-steps`,title:`First steps`,says:`Two things at the same time, a person who is asked, and a result.`,text:`# A first workflow: two looks at the same time, a person who says whether to go on, and a result.
# It calls built-in agents only, so it runs anywhere.
ghostlight: 1
name: first-steps
description: Two looks at once, a question, and a result
input:
  type: object
  required: [service]
  properties: { service: { type: string, default: shop } }
nodes:
  look:    { type: agent_call, agent: noop, input: { service: $input.service, n: 1 }, estimate: 1s }
  measure: { type: agent_call, agent: sleep, input: { ms: 1500 }, estimate: 2s }
  both:    { type: join, needs: [look, measure], require: all }
  approve:
    type: human_gate
    needs: [both]
    action: 'Go on with {{ input.service }}?'
    impact: Nothing is changed by this sample.
    risk: low
  done: { type: transform, needs: [approve], value: { service: $input.service, by: $approve.by } }
output: $done
`},{name:`each-of-them`,title:`The same for each`,says:`A list is gone through, four at a time; what failed is counted and stops nothing.`,text:`# Does the same for each item of a list. An item that fails leaves null in its place, and the others go on.
ghostlight: 1
name: each-of-them
description: The same for each item of a list
input:
  type: object
  required: [items]
  properties: { items: { type: array, items: { type: string }, default: [one, two, three] } }
nodes:
  each:
    type: map
    over: $input.items
    max_parallel: 4
    node: { type: agent_call, agent: noop, input: { item: $item, at: $index }, on_error: continue }
  count: { type: transform, needs: [each], expression: 'size(each.filter(one, one != null))' }
output: { done: $count, of: $each }
`}];export{t as n,e as t};