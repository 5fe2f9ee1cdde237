// SPDX-License-Identifier: Apache-2.0
// The cases of suiro-jsonata-bench with the reference implementation:
//   npm install jsonata && node bench/jsonata/rival.mjs [CASES_FILE] [SECONDS_A_CASE]
// (NODE_MODULES: the folder that holds the package, where it is not beside this file.)
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';

const folder = process.env.NODE_MODULES ?? process.cwd() + '/node_modules';
const jsonata = createRequire(folder + '/')('jsonata');

function states(lines) {
  const list = [];
  for (let i = 0; i < lines; ++i) {
    list.push({sku: `s${(i * 7919) % 1000}`, kind: `k${i % 10}`, price: (i * 31) % 97,
               count: (i % 5) + 1});
  }
  const customer = {name: 'Ada', vip: true, address: {city: 'Kobe'}};
  return {input: {order: {id: 'o-1', total: 140, customer, lines: list}}};
}

const seconds = Number(process.argv[3] ?? 1);
const text = readFileSync(process.argv[2] ?? 'bench/jsonata/cases.jsonl', 'utf8');
for (const line of text.trim().split('\n')) {
  const {name, expr, size} = JSON.parse(line);
  const expression = jsonata(expr);
  const bindings = {states: states(size)};
  let count = 0;
  const begin = performance.now();
  let taken = 0;
  let bytes = 0;
  for (let batch = 1; taken < seconds; batch = Math.min(batch * 2, 1024)) {
    for (let i = 0; i < batch; ++i, ++count) {
      const result = await expression.evaluate(undefined, bindings);
      if (count === 0) bytes = JSON.stringify(result).length;
    }
    taken = (performance.now() - begin) / 1000;
  }
  console.log(name.padEnd(10), (count / taken).toFixed(0).padStart(12),
              String(bytes).padStart(8));
}
