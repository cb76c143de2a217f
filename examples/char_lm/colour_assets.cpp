// The style and the script of the page of `colour`. They are no template: nothing is put into them.

#include "char_lm/colour_page.hpp"

namespace unroll::char_lm::internal {

extern const std::string_view colour_style = R"css(
:root { --page: #fff; --ink: #1b1b1f; --quiet: #5d5f66; --rule: #d9dbe0; --raised: #f4f5f7; --accent: #0b57a4;
  --low: 86, 180, 233; --high: 230, 159, 0; --guess: 27, 27, 31; }
@media (prefers-color-scheme: dark) { :root { --page: #15161a; --ink: #e9eaee; --quiet: #a3a6ae; --rule: #363941;
  --raised: #202228; --accent: #8dc2ff; --low: 0, 114, 178; --high: 200, 90, 10; --guess: 233, 234, 238; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 78rem; padding: 1.5rem clamp(.8rem, 3vw, 2rem) 4rem; background: var(--page);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 0; }
header p { margin: 0; color: var(--quiet); overflow-wrap: anywhere; }
section { margin-top: 1.8rem; }
.quiet { color: var(--quiet); font-size: .9rem; max-width: 62rem; }
table { border-collapse: collapse; margin: .6rem 0; width: 100%; max-width: 56rem; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--rule); vertical-align: baseline; }
thead th { font-size: .85rem; font-weight: 500; color: var(--quiet); }
tbody th { font-weight: 500; white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; padding-right: 0; color: var(--quiet); }
.units { display: flex; flex-wrap: wrap; gap: .3rem; }
button, select { font: inherit; color: inherit; background: var(--raised); border: 1px solid var(--rule); border-radius: .35rem;
  padding: .1rem .5rem; cursor: pointer; font-variant-numeric: tabular-nums; }
button span { color: var(--quiet); font-size: .85em; }
button.chance { opacity: .55; }
button[aria-pressed=true] { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); opacity: 1; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
#bar { position: sticky; top: 0; z-index: 1; background: var(--page); border-bottom: 1px solid var(--rule);
  padding: .5rem 0; display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; align-items: center; }
#unit { min-width: 9em; }
#controls { display: flex; flex-wrap: wrap; gap: .4rem .7rem; align-items: center; }
#legend { display: flex; gap: .4rem; align-items: center; font-size: .85rem; font-variant-numeric: tabular-nums; }
#legend i { width: 7rem; height: .9rem; border-radius: .2rem; border: 1px solid var(--rule);
  background: linear-gradient(to right, rgb(var(--low)), rgba(var(--low), 0) 50%, rgba(var(--high), 0) 50%, rgb(var(--high))); }
#detail { flex-basis: 100%; margin: 0; font-size: .9rem; min-height: 1.5em; color: var(--quiet); overflow-wrap: anywhere; }
#detail b { color: var(--ink); }
#text { font: 15px/1.2 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
.line { display: flex; flex-wrap: wrap; row-gap: .45rem; margin-bottom: .45rem; }
.symbol { display: flex; flex-direction: column; align-items: stretch; text-align: center; unicode-bidi: isolate; cursor: default; }
.symbol b { font-weight: 500; padding: .1rem .12em; min-width: 1.05em; background: rgba(var(--low), 0); unicode-bidi: isolate; }
.symbol.up b { background: rgba(var(--high), var(--strength)); }
.symbol.down b { background: rgba(var(--low), var(--strength)); }
.symbol.blank b { color: var(--quiet); font-weight: 400; }
.symbol.at b { box-shadow: inset 0 0 0 2px var(--accent); }
.symbol i { font-style: normal; font-size: .73em; line-height: 1.25; color: rgba(var(--guess), var(--chance)); unicode-bidi: isolate; }
.symbol i.right { text-decoration: underline; text-underline-offset: .15em; }
.plain .symbol i { display: none; }
.plain .line { row-gap: .15rem; margin-bottom: .15rem; }
@media (max-width: 40rem) { body { font-size: 15px; } tbody th { white-space: normal; } #text { font-size: 14px; }
  #unit { position: absolute; clip-path: inset(50%); height: 1px; overflow: hidden; } #legend i { width: 4rem; } }
@media print { #controls, #detail { display: none; } #bar { position: static; }
  .symbol b, #legend i { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
)css";

extern const std::string_view colour_script = R"js(
'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const place = id => document.getElementById(id);
const element = (name, text, kind) => {
  const e = document.createElement(name);
  if (text !== undefined) e.textContent = text;
  if (kind) e.className = kind;
  return e;
};
const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
const ends = new Set(data.ends);
const cells = [];
let current = -1, pointed = -1, values = null;

const guess = (t, k) => ({ text: data.names[data.guesses[t * data.perStep + k]], chance: data.chances[t * data.perStep + k] });

function draw() {
  const text = place('text');
  let line = element('div', undefined, 'line');
  data.symbols.forEach((symbol, t) => {
    const cell = element('span', undefined, /^[·⏎⇥]+$/.test(symbol) ? 'symbol blank' : 'symbol');
    cell.dataset.at = t;
    cell.append(element('b', symbol));
    for (let k = 0; k < data.perStep; ++k) {
      const { text: name, chance } = guess(t, k);
      const i = element('i', chance > 0 ? name : '\u00a0');
      i.style.setProperty('--chance', Math.min(1, .42 + chance / 70).toFixed(2));
      if (chance > 0 && name === data.symbols[t + 1]) i.className = 'right';
      cell.append(i);
    }
    cells.push(cell);
    line.append(cell);
    if (ends.has(t)) { text.append(line); line = element('div', undefined, 'line'); }
  });
  text.append(line);
}

function best(shares) {
  const order = shares.map((share, k) => [share, k]).sort((a, b) => b[0] - a[0]).filter(([share]) => share >= .01).slice(0, 3);
  return order.length ? order.map(([share, k]) => `${data.traits[k]} ${Math.round(100 * share)} %`).join(', ') : 'nothing on the list';
}

function show(number) {
  const unit = data.units[number];
  current = number;
  values = bytes(unit.values);
  cells.forEach((cell, t) => {
    const v = (values[t] - 128) / 127;
    cell.classList.toggle('up', v > 0);
    cell.classList.toggle('down', v < 0);
    cell.style.setProperty('--strength', Math.abs(v).toFixed(2));
  });
  place('unit').textContent = unit.name[0].toUpperCase() + unit.name.slice(1);
  place('choice').value = number;
  place('low').textContent = '−' + unit.full.toPrecision(2);
  place('high').textContent = '+' + unit.full.toPrecision(2);
  for (const b of document.querySelectorAll('[data-unit]')) b.setAttribute('aria-pressed', Number(b.dataset.unit) === number);
  if (pointed >= 0) tell(pointed); else place('detail').textContent = data.traits.length ? `It tracks: ${best(unit.shares)}.` : '';
}

function tell(t) {
  if (pointed >= 0) cells[pointed].classList.remove('at');
  pointed = t;
  cells[t].classList.add('at');
  const detail = place('detail'), unit = data.units[current];
  const guesses = [];
  for (let k = 0; k < data.perStep; ++k) { const g = guess(t, k); if (g.chance > 0) guesses.push(`${g.text} ${g.chance} %`); }
  detail.replaceChildren(element('b', data.symbols[t]),
    ` symbol ${t + 1}: value ${((values[t] - 128) / 127 * unit.full).toFixed(2)}; then ${guesses.join(', ')}`);
}

const step = by => show((current + by + data.units.length) % data.units.length);
const at = event => { const cell = event.target.closest('.symbol'); return cell ? Number(cell.dataset.at) : -1; };

data.units.forEach((unit, k) => { const o = element('option', unit.name); o.value = k; place('choice').append(o); });
draw();
place('previous').addEventListener('click', () => step(-1));
place('next').addEventListener('click', () => step(1));
place('choice').addEventListener('change', event => show(Number(event.target.value)));
place('guesses').addEventListener('change', event => place('text').classList.toggle('plain', !event.target.checked));
for (const b of document.querySelectorAll('[data-unit]')) b.addEventListener('click', () => show(Number(b.dataset.unit)));
for (const kind of ['mouseover', 'click'])
  place('text').addEventListener(kind, event => { const t = at(event); if (t >= 0) tell(t); });
document.addEventListener('keydown', event => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.matches('select, input')) return;
  if (event.key === 'ArrowLeft') step(-1);
  else if (event.key === 'ArrowRight') step(1);
  else return;
  event.preventDefault();
});
const first = document.querySelector('[data-unit]:not(.chance)') || document.querySelector('[data-unit]');
show(first ? Number(first.dataset.unit) : 0);
)js";

}  // namespace unroll::char_lm::internal
