'use strict';
const os=require('node:os');
function median(v){const s=[...v].sort((a,b)=>a-b);const m=s.length>>1;return s.length%2?s[m]:(s[m-1]+s[m])/2}
module.exports={median,describeMachine:()=>({}),formatMarkdown:(r)=>[...r.rows].map(([k,v])=>k+' '+JSON.stringify(v)).join('\n')+'\n'+JSON.stringify(r.entrants.map(e=>[e.contender.name,e.peakMemory/2**20,e.problem])),writeResults(){}}
