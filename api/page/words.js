// Everything that the page says, in English and Chinese. A function takes the values in its text.
const photosInEnglish = (n) => (n === 1 ? "1 photo" : `${n} photos`);

const WORDS = {
  running: ["It is running", "服务运行中"],
  notRunning: ["It does not answer", "服务没有响应"],
  what: [
    "This service reads the text in your photos, for MT Photos. Photos stay on this machine.",
    "本服务为 MT Photos 识别照片里的文字，照片不出这台机器。",
  ],
  version: ["Version", "版本"],
  runner: ["Runner", "引擎"],
  model: ["Model", "模型"],
  footer: [
    "This page is part of the service and asks no other machine for anything.",
    "网页由服务自带，不访问其他任何机器。",
  ],

  enterTitle: ["Enter this in MT Photos", "填到 MT Photos 里"],
  address: ["Address", "地址"],
  addressLocal: [
    "You opened this page on the machine itself. MT Photos needs the machine’s address in your network instead of this name, such as 192.168.1.20.",
    "您是在这台机器上打开网页的。填到 MT Photos 里时，请把主机名换成它在局域网里的地址，例如 192.168.1.20。",
  ],
  addressHint: [
    "In MT Photos’ system settings, at 智能识别 API (接口地址). If MT Photos runs elsewhere and cannot reach it, look for a firewall.",
    "填在 MT Photos 系统设置“智能识别 API”的“接口地址”里。MT Photos 在别的机器上又连不上的话，请检查防火墙。",
  ],
  key: ["Key", "密钥"],
  keyFrom: [
    "The value of API_AUTH_KEY that the service was started with: in the container’s environment, or in the file .env beside it. For safety it is not shown here.",
    "启动服务时设的 API_AUTH_KEY 的值，在容器的环境变量里，或服务目录的 .env 文件里。为安全起见，这里不显示。",
  ],
  copy: ["Copy", "复制"],
  copied: ["Copied", "已复制"],

  tryTitle: ["Try it", "试一试"],
  keyAsk: ["Key (the value of API_AUTH_KEY)", "密钥（API_AUTH_KEY 的值）"],
  keyCheck: ["Use this key", "使用此密钥"],
  keyNote: [
    "Kept for this tab only; it is forgotten when you close it.",
    "只保存在当前标签页里，关掉就没有了。",
  ],
  keyWrong: [
    "This key is not the right one. Copy the value of API_AUTH_KEY again, without quotes around it; after a change of the key, restart the service.",
    "密钥不对。请重新复制 API_AUTH_KEY 的值，不要带引号；改过密钥的，要重启服务。",
  ],
  keyFits: ["The key is right.", "密钥正确。"],
  keyForget: ["Forget it", "清除密钥"],
  drop: ["Choose photos", "选择照片"],
  dropHint: ["or drop or paste them anywhere on this page", "也可以把照片拖进来，或直接粘贴"],
  needsKey: ["Enter the key to begin", "请先填密钥"],
  queued: ["Next in line", "等待中"],
  sending: [(percent) => `Sending, ${percent} %`, (percent) => `正在发送 ${percent}%`],
  reading: ["Reading …", "正在识别…"],
  failed: ["Not read", "未能识别"],
  again: ["Try again", "重试"],
  counted: [
    (done, all) => `${done} of ${photosInEnglish(all)} done`,
    (done, all) => `共 ${all} 张，已完成 ${done} 张`,
  ],
  found: [
    (lines, seconds) => `${lines === 1 ? "1 line" : `${lines} lines`} in ${seconds} s`,
    (lines, seconds) => `${lines} 行，用时 ${seconds} 秒`,
  ],
  nothing: ["There is no text in this photo.", "这张照片里没有文字。"],
  unshown: [
    "This browser cannot show this kind of file. The frames stand where its lines are.",
    "浏览器显示不了这种格式的照片，方框是各行文字的位置。",
  ],
  photoAlt: [(name) => `The photo ${name}`, (name) => `照片：${name}`],
  linesOf: [(name) => `Text in ${name}`, (name) => `${name} 中的文字`],
  unsure: [(score) => `less sure: ${score}`, (score) => `置信度较低：${score}`],
  unsureNote: ["Dotted: less sure, a score under 0.8.", "虚线表示置信度低于 0.8，可能有误。"],
  score: [(score) => `score ${score}`, (score) => `置信度 ${score}`],
  copyAll: ["Copy all text", "复制全部文字"],
  download: ["Download JSON", "下载 JSON"],
  curl: ["Copy as curl", "复制为 curl 命令"],
  curlNote: [
    (name) => `Copied. First run export API_AUTH_KEY='the key'. Then run it in the folder that ${name} is in, or replace the name after < with the path to it.`,
    (name) => `命令已复制。先执行 export API_AUTH_KEY='密钥'，再在 ${name} 所在的目录里运行；在别处运行的话，把 < 后面换成它的完整路径。`,
  ],

  unreadable: [
    "This file cannot be read as a photo. Try a JPEG, PNG, WebP or HEIC.",
    "这个文件读不了。请换 JPEG、PNG、WebP 或 HEIC 试试。",
  ],
  noPicture: [
    "This file is no photo, as far as the service can tell. Try a JPEG, PNG, WebP or HEIC.",
    "这个文件好像不是照片。请换 JPEG、PNG、WebP 或 HEIC 试试。",
  ],
  looksLike: [
    (kind) => `This file cannot be read: it looks like ${kind}. Try a whole JPEG, PNG, WebP or HEIC.`,
    (kind) => `这个文件读不了，检测到的类型是“${kind}”。请换一个完整的 JPEG、PNG、WebP 或 HEIC 试试。`,
  ],
  noPreview: [
    "This RAW file has no preview inside, and the service reads nothing else of it. Try a JPEG of the photo.",
    "这个 RAW 文件里没有预览图，而本服务只能读预览图。请换这张照片的 JPEG 试试。",
  ],
  brokenPicture: ["This picture is broken: the file is damaged or not complete.", "图片已损坏，或者不完整。"],
  tooManyPixels: [
    (width, height, most) => `This picture has ${width} x ${height} pixels; up to ${most} megapixels are read. Raise OCR_MAX_MEGAPIXELS if there is enough memory.`,
    (width, height, most) => `图片有 ${width} x ${height} 像素，超过了 ${most} 百万像素的上限。内存够的话，可以调大 OCR_MAX_MEGAPIXELS。`,
  ],
  noMemory: [
    "There is not enough memory to read this photo just now. Try again in half a minute.",
    "现在内存不够，识别不了这张照片。请过半分钟再试。",
  ],
  crashes: [
    "Reading this photo made the model’s process crash or take all memory, twice; it is not tried again.",
    "识别这张照片时，模型的进程两次崩溃或用光内存，不再重试。",
  ],
  tooLarge: [
    "This file is too large. Send a smaller one, or raise OCR_MAX_UPLOAD_MB.",
    "文件太大。请换小一点的，或调大 OCR_MAX_UPLOAD_MB。",
  ],
  busy: [
    "It cannot take this photo now: too many others are waiting, or the model is not loaded. Try again in half a minute.",
    "暂时收不下这张照片：排队的照片太多，或者模型还没有加载好。请过半分钟再试。",
  ],
  queueFull: [
    "It cannot take this photo now: too many others are waiting. Try again in half a minute.",
    "暂时收不下这张照片：排队的照片太多。请过半分钟再试。",
  ],
  stopping: [
    "The service is stopping. Try again when it is back.",
    "服务正在停止，等它恢复后再试。",
  ],
  slow: [
    "Reading this photo took too long. Try again when less is going on, or raise OCR_TIMEOUT.",
    "识别这张照片用时太长。请等服务空闲时再试，或调大 OCR_TIMEOUT。",
  ],
  slowUpload: [
    "The photo came too slowly. Is the connection to the service good? Try again.",
    "照片上传得太慢。请检查到服务的网络，再试一次。",
  ],
  broken: [
    "Something went wrong while it read this photo; the service’s log has the details.",
    "识别时出错，详情见服务的日志。",
  ],
  says: ["The service says:", "服务返回的原文（英文）："],
  silent: [
    "The service does not answer. Is it still running, and is this device still in its network?",
    "服务没有响应。请看看它是否还在运行，这台设备是否还连着同一个网络。",
  ],

  doingTitle: ["How it is doing", "运行情况"],
  photosRead: ["Photos read", "已识别"],
  linesFound: [(n) => `${n === 1 ? "1 line" : `${n} lines`} of text`, (n) => `共 ${n} 行文字`],
  perSecond: ["Per second", "每秒"],
  lately: ["over the last 10 seconds", "最近 10 秒"],
  waiting: ["Waiting", "排队"],
  beingRead: [(n) => `${n} being read`, (n) => `正在识别 ${n} 张`],
  memory: ["Memory", "内存"],
  memoryOf: [
    (service, worker) => `service ${service}, model ${worker}`,
    (service, worker) => `服务 ${service}，模型 ${worker}`,
  ],
  restarts: ["Restarts", "重启"],
  none: ["none so far", "尚无"],
  requested: [(n) => `${n} asked for`, (n) => `手动 ${n}`],
  idle: [(n) => `${n} to save memory`, (n) => `空闲 ${n}`],
  memoryLimit: [(n) => `${n} over the memory limit`, (n) => `内存超限 ${n}`],
  died: [(n) => `${n} after a crash`, (n) => `崩溃 ${n}`],
  timed_out: [(n) => `${n} after a time limit`, (n) => `超时 ${n}`],
  engineFailed: [(n) => `${n} after the engine failed`, (n) => `引擎出错 ${n}`],
  clip: ["CLIP search", "CLIP 搜索"],
  clipAnswers: ["handed on; the service answers", "次转发，服务有响应"],
  clipSilent: ["handed on; the service does not answer", "次转发，服务没有响应"],
  clipNotSet: ["CLIP_API_URL is not set", "未设置 CLIP_API_URL"],
  stages: ["Seconds per photo, by stage", "平均每张照片各阶段用时（秒）"],
  wait: ["wait", "排队"],
  decode: ["decode", "解码"],
  coarse: ["coarse pass", "粗查"],
  detect: ["fine pass", "细查"],
  recognize: ["recognize", "识别"],
  chart: [(tile) => `${WORDS[tile][0]}, the last minutes`, (tile) => `${WORDS[tile][1]}，最近几分钟`],
  restart: ["Restart the model", "重启模型"],
  restartHint: [
    "Gives its memory back. Photos that are being read are still answered.",
    "可以归还内存。正在识别的照片不受影响。",
  ],
  restarting: ["Restarting …", "正在重启…"],
  restartNothing: [
    "No model is in memory just now, so there is nothing to restart; the next photo loads it.",
    "模型现在不在内存里，不用重启；下一张照片来了会自动加载。",
  ],
  restartedIdle: [
    (seconds) => `The model was restarted in ${seconds} s. No photo was under way, and none was lost.`,
    (seconds) => `模型已重启，用时 ${seconds} 秒。当时没有照片在处理，一张也没有丢。`,
  ],
  restartedBusy: [
    (seconds, photos) => `The model was restarted in ${seconds} s. ${photosInEnglish(photos)} under way: all answered, none lost.`,
    (seconds, photos) => `模型已重启，用时 ${seconds} 秒。当时在处理的 ${photos} 张照片都有结果，一张也没有丢。`,
  ],
  restartedLost: [
    (photos) => `The model was restarted, but ${photosInEnglish(photos)} got no answer; the service’s log says why.`,
    (photos) => `模型已重启，但有 ${photos} 张照片没有结果，原因见服务的日志。`,
  ],
  restartSlow: [
    "It is not done after two minutes; the service’s log says why.",
    "过了两分钟还没有完成，原因见服务的日志。",
  ],
};
