"""The interface in German and in Simplified Chinese; what is missing here stays English."""

from __future__ import annotations

import bpy

# English, German, Simplified Chinese; Blender itself translates words of its own, such as Camera and Lens.
TEXTS = (
    ("Match Camera to Photo", "Kamera an Foto anpassen", "将相机匹配到照片"),
    ("Set the active camera so that the model lies on the photo",
     "Die aktive Kamera so setzen, dass das Modell auf dem Foto liegt", "设置活动相机，使模型与照片重合"),
    ("Refine Camera", "Kamera verfeinern", "优化相机"),
    ("Refine", "Verfeinern", "优化"),
    ("Perspective Strength", "Stärke der Perspektive", "透视强度"),
    ("Drag Box", "Rahmen ziehen", "框选物体"),
    ("Find Object", "Objekt suchen", "查找物体"),
    ("Which Model?", "Welches Modell?", "哪个模型？"),
    ("Which Model Is It?", "Welches Modell ist es?", "这是哪个模型？"),
    ("Camera from Chessboard", "Kamera vom Schachbrett", "由棋盘格求相机"),
    ("Chessboard", "Schachbrett", "棋盘格"),
    ("Models", "Modelle", "模型"),
    ("Model", "Modell", "模型"),
    ("Add Selected as Models", "Auswahl als Modelle hinzufügen", "将所选添加为模型"),
    ("Add All Models of the Scene", "Alle Modelle der Szene hinzufügen", "添加场景中的所有模型"),
    ("Add Models of a Folder", "Modelle eines Ordners hinzufügen", "添加文件夹中的模型"),
    ("Remove Model", "Modell entfernen", "移除模型"),
    ("Empty list: all models of the scene", "Leere Liste: alle Modelle der Szene", "列表为空：场景中的所有模型"),
    ("Training Views", "Trainingsansichten", "训练视图"),
    ("Render Training Views", "Trainingsansichten rendern", "渲染训练视图"),
    ("Save Training Views", "Trainingsansichten speichern", "保存训练视图"),
    ("Train Regressor", "Regressor trainieren", "训练回归网络"),
    ("Photo", "Foto", "照片"),
    ("Picture of the object", "Bild des Objekts", "物体的图片"),
    ("Box", "Rahmen", "框"),
    ("Network", "Netz", "网络"),
    ("Any Roll", "Beliebig gedreht", "任意滚转"),
    ("Set Render Size", "Rendergröße setzen", "设置渲染尺寸"),
    ("Make the render as large as the photo", "Das Rendern so groß machen wie das Foto", "使渲染与照片一样大"),
    ("View Sphere", "Ansichtskugel", "视球"),
    ("Upper Half", "Obere Hälfte", "上半"),
    ("Crop", "Ausschnitt", "裁剪"),
    ("Azimuth", "Azimut", "方位角"),
    ("Elevation", "Höhenwinkel", "仰角"),
    ("Score", "Bewertung", "得分"),
    ("Nearest Views", "Nächste Ansichten", "最近视图"),
    ("Match Presets", "Vorlagen für das Anpassen", "匹配预设"),
    ("Sensors", "Sensoren", "传感器"),
    ("Choose a Folder with Them", "Ordner mit ihnen wählen", "选择包含它们的文件夹"),
    ("Self-Test", "Selbsttest", "自检"),
    ("Copy Diagnostics", "Diagnose kopieren", "复制诊断信息"),
    ("Verify With", "Prüfen mit", "验证方式"),
    ("Packages", "Pakete", "软件包"),
    ("Threads", "Threads", "线程数"),
    ("Log Level", "Protokoll", "日志级别"),
    ("Photos", "Fotos", "照片列表"),
    ("Add Photos", "Fotos hinzufügen", "添加照片"),
    ("Remove Photo", "Foto entfernen", "移除照片"),
    ("Match All", "Alle anpassen", "全部匹配"),
    ("Shared Lens", "Gemeinsames Objektiv", "共用镜头"),
    ("Markers for Cameras", "Markierungen für Kameras", "相机标记"),
    ("Save Contact Sheet", "Kontaktbogen speichern", "保存缩略图总览"),
    ("Candidates", "Kandidaten", "候选"),
    ("Confidence", "Sicherheit", "置信度"),
    ("Take Candidate", "Kandidaten nehmen", "采用候选"),
    ("Turn Camera", "Kamera drehen", "旋转相机"),
    ("Snapshots", "Schnappschüsse", "快照"),
    ("Add Snapshot", "Schnappschuss hinzufügen", "添加快照"),
    ("Take Snapshot", "Schnappschuss nehmen", "采用快照"),
    ("Remove Snapshot", "Schnappschuss entfernen", "移除快照"),
    ("Compare", "Vergleichen", "对比"),
    ("Edges", "Kanten", "边缘"),
    ("Difference", "Unterschied", "差异"),
    ("Wipe", "Wischen", "擦除对比"),
    ("Blink", "Blinken", "闪烁"),
    ("Nudge Camera", "Kamera nachschieben", "微调相机"),
    ("Pin Model", "Modell anheften", "钉住模型"),
    ("Gallery", "Galerie", "图库"),
    ("Browse Training Views", "Trainingsansichten durchsehen", "浏览训练视图"),
    ("Clear Cache", "Zwischenspeicher leeren", "清除缓存"),
    ("Hand Over", "Weitergeben", "交付"),
    ("Project Photo onto Mesh", "Foto auf das Netz projizieren", "将照片投影到网格"),
    ("Shadow Catcher", "Schattenfänger", "阴影捕捉"),
    ("Export Photo Cameras", "Fotokameras exportieren", "导出照片相机"),
    ("Import Start Cameras", "Startkameras importieren", "导入初始相机"),
    ("Focal Length", "Brennweite", "焦距"),
    ("Active Camera", "Aktive Kamera", "活动相机"),
)  # fmt: skip
LOCALES = ("de_DE", "zh_HANS")
CONTEXTS = ("*", "Operator")  # of names of operators the latter


def register() -> None:
    table = {
        locale: {(context, row[0]): row[1 + number] for row in TEXTS for context in CONTEXTS}
        for number, locale in enumerate(LOCALES)
    }
    bpy.app.translations.register(__package__, table)


def unregister() -> None:
    bpy.app.translations.unregister(__package__)
