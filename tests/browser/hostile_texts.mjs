// 200 texts that run a script where somebody takes them for HTML, an attribute, an address, a style
// or a script. Whichever runs sets `scriptHasRun` and opens a dialog.

const RUN = 'scriptHasRun=1;alert(1)';

const PAYLOADS = [
  `<script>${RUN}</script>`,
  `<img src=x onerror="${RUN}">`,
  `<svg onload="${RUN}">`,
  `<svg><script>${RUN}</script></svg>`,
  `<iframe srcdoc="<script>parent.${RUN}</script>"></iframe>`,
  `<iframe src="javascript:parent.${RUN}"></iframe>`,
  `<body onload="${RUN}">`,
  `<input autofocus onfocus="${RUN}">`,
  `<details open ontoggle="${RUN}">x</details>`,
  `<video><source onerror="${RUN}"></video>`,
  `<a href="javascript:${RUN}">x</a>`,
  `<math><mtext><table><mglyph><style><img src=x onerror="${RUN}">`,
  `<object data="javascript:${RUN}"></object>`,
  `<form action="javascript:${RUN}"><button autofocus>x</button></form>`,
  `<style>@import "javascript:${RUN}";</style>`,
  `<link rel=stylesheet href="javascript:${RUN}">`,
  `<base href="javascript:${RUN}//">`,
  `<meta http-equiv=refresh content="0;url=javascript:${RUN}">`,
  `<template><script>${RUN}</script></template>`,
  `javascript:${RUN}`,
];

// Ways out of the places where a text may stand.
const WAYS_OUT = [
  (payload) => payload,
  (payload) => `">${payload}`,
  (payload) => `'>${payload}`,
  (payload) => `</title></style></script>${payload}`,
  (payload) => `--><!-- -->${payload}`,
  (payload) => `]]>${payload}`,
  (payload) => `\${${payload}}{{constructor.constructor('${RUN}')()}}`,
  (payload) => `&quot;&gt;${payload.replaceAll('<', '&lt;').replaceAll('>', '&gt;')}`,
  (payload) =>
    `x" onmouseover="${RUN}" style="animation-name:x" onanimationstart="${RUN}" y="${payload}`,
  (payload) => `\u202e${payload}\u2028\u200b`,
];

/** All of them, each once. */
export function hostileTexts() {
  return WAYS_OUT.flatMap((wayOut) => PAYLOADS.map(wayOut));
}
